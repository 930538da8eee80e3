"""`python -m services.spotfinder`. Worker processes load this file, too, and shall not load the service with it."""

if __name__ == "__main__":
    from services.spotfinder.wiring import main
    from shared.service import run

    run(main)
