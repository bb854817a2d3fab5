def long_scenes():
    return []
