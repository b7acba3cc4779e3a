"""A bookmarks service: FastAPI over DynamoDB, and a demo that drives it over real HTTP.

model      what a bookmark is and how it is stored
service    the HTTP service: one route, one verb of the library
errors     what each error of the library is over HTTP
serving    uvicorn on a free port, for the demo and for tests
wire       what goes to DynamoDB and back, as an observer sees it
story      the steps of the demo, each with what it expects
demo       the command line: `python -m examples.bookmarks.demo --engine memory`
"""
