"""What each upstream answers in tests: real formats, made-up content, the same for the same request.

One module a source, named like it, with `answer(request) -> bytes`.
"""
