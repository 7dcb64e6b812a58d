from pathlib import Path
def cache_path(): return Path("_build/cache/x").resolve()
