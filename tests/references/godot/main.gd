extends Node
## Plays with the client of the page as any client may: it takes the first of the actions that it may take.

var _acted := 0

func _ready() -> void:
	var given := OS.get_cmdline_user_args()
	var client := preload("res://croupier.gd").new()
	client.url = given[0]
	client.token = given[1]
	client.game_id = given[2]
	client.state_changed.connect(_play.bind(client))
	add_child(client)

func _play(view: Dictionary, client: Node) -> void:
	if view["game_over"]:
		print("over at event ", view["event_id"])
	elif view.has("legal_actions") and view["event_id"] > _acted:
		_acted = view["event_id"]
		client.act(view["legal_actions"][0])
