"""One coroutine per HTTP endpoint: build the model, encode it, send it, decode the answer."""
