"""What builds the book. A module may use those of its own room and of the rooms named before it, never one after.

    layout, chapter, browser   the ground floor: where everything lies, what a chapter says, the built book on a screen
    questions                  what a chapter asks
    execute                    run the code of the chapters, and keep what came out
    setup                      the environment, its pins, the address of the repository
    checks                     the rules of a chapter, other versions, mutations, screenshots
    pages                      what the book adds to Sphinx
    notebooks                  each page as a notebook, and the notebook for students
    shapes                     each page as slides; the book as EPUB, as PDF, as a question bank
    build, test, live          the commands: make book, make test, make live

A module with a command is run from the root of the repository: python -m tools.build.
"""
