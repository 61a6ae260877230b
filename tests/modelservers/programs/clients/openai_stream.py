"""The OpenAI client, at the base URL of its first argument: a chat completion as a stream and whole, and an error."""

import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="secret", max_retries=0)
messages = [{"role": "user", "content": "Count."}]
words = []
for chunk in client.chat.completions.create(model="talker", messages=messages, stream=True):
    words.append(chunk.choices[0].delta.content)
assert words == ["one ", "two ", "three"], words
whole = client.chat.completions.create(model="talker", messages=messages)
assert whole.choices[0].message.content == "one two three", whole
try:
    client.chat.completions.create(model="missing", messages=messages)
    raise AssertionError("there is no such model")
except openai.NotFoundError as error:
    assert "missing" in str(error), error
