"""A client of Croupier, over any Trio stream: real sockets, or the simulation's. The tests, the demo and the drills
use it; so may you."""

from net.client.carriers import Over
from net.client.errors import ApiFailed, ConnectionLost, ConnectRefused, RequestFailed
from net.client.http import Api, HttpAnswer, http_request
from net.client.opened import open_client
from net.client.play import Choose, Ending, Seat, play, random_choice
from net.client.player import Company, Player, ShutOut
from net.client.streams import Connector, tcp
from net.client.websocket import CroupierClient, PushMessage

__all__ = [
    "Api",
    "ApiFailed",
    "Choose",
    "Company",
    "ConnectRefused",
    "ConnectionLost",
    "Connector",
    "CroupierClient",
    "Ending",
    "HttpAnswer",
    "Over",
    "Player",
    "PushMessage",
    "RequestFailed",
    "Seat",
    "ShutOut",
    "http_request",
    "open_client",
    "play",
    "random_choice",
    "tcp",
]
