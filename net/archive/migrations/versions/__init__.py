"""One module for each revision of the schema. What stands here has run on somebody's history: it is not changed."""
