"""Stand between ssh and a board, and cut the connection after so many bytes."""

import os
import selectors
import socket
import sys


def main() -> None:
    """Pass bytes on until more than argv[2] of them went to the board at port argv[1]."""
    left = int(sys.argv[2])
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as board:
        chosen = selectors.DefaultSelector()
        chosen.register(board, selectors.EVENT_READ)
        chosen.register(0, selectors.EVENT_READ)
        while left > 0:
            for key, _ in chosen.select():
                if key.fileobj is board:
                    data = board.recv(65536)
                    os.write(1, data)
                else:
                    data = os.read(0, 65536)
                    board.sendall(data)
                    left -= len(data)
                if not data:
                    return


if __name__ == "__main__":
    main()
