import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { PciError } from "@userpci/interface";
import { type Metered, takeSnapshot } from "./take-snapshot.ts";

/** Programs that may watch at once. */
const MOST_CLIENTS = 8;

/** Bytes of the longest request. */
const LONGEST_REQUEST = 256;

/** Longest path of a socket in bytes (unix(7)), without the NUL. */
const LONGEST_PATH = 107;

/**
 * A socket by which others of this user, and root, may watch a program's devices. Each line that they send is answered by one line,
 * a `TelemetrySnapshot`: who does not ask costs nothing. It does not keep the process alive.
 */
export class TelemetrySocket implements Disposable {
  /** Its file. */
  readonly path: string;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();

  private constructor(path: string, devices: () => Iterable<Metered>) {
    this.path = path;
    this.#server = createServer((client) => this.#serve(client, devices));
    this.#server.maxConnections = MOST_CLIENTS;
  }

  /**
   * Opens a socket of its own name.
   *
   * @param directory made if it is not there; it must be this user's, and nobody else may enter it
   * @param devices what it tells of
   * @throws PciError (rejects with) `ERR_PERMISSION`, `ERR_INVALID_ARGUMENT`, or with the system's code
   */
  static async open(directory: string, devices: () => Iterable<Metered>): Promise<TelemetrySocket> {
    makePrivate(directory);
    // Not by the pid alone: containers that share the directory may have the same.
    const path = join(directory, `${process.pid}-${randomBytes(4).toString("hex")}.sock`);
    if (Buffer.byteLength(path) > LONGEST_PATH) {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `no socket can have a path of over ${LONGEST_PATH} bytes: ${path}`,
        {
          hint: "set USERPCI_TELEMETRY to a directory with a shorter path",
        },
      );
    }
    const socket = new TelemetrySocket(path, devices);
    await socket.#listen();
    return socket;
  }

  /** Closes it and whoever watches, and removes its file. Harmless twice. */
  close(): void {
    for (const client of this.#clients) client.destroy();
    this.#server.close();
    rmSync(this.path, { force: true });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => reject(socketError(this.path, cause)));
      this.#server.listen({ path: this.path }, () => {
        // Nobody else could enter the directory meanwhile.
        chmodSync(this.path, 0o600);
        this.#server.unref();
        // From now on what fails is a client that could not be accepted.
        this.#server.on("error", () => undefined);
        resolve();
      });
    });
  }

  #serve(client: Socket, devices: () => Iterable<Metered>): void {
    this.#clients.add(client);
    client.unref();
    let request = "";
    client.setEncoding("latin1");
    client.on("data", (text: string) => {
      const lines = (request + text).split("\n");
      request = lines.pop()!;
      if (request.length > LONGEST_REQUEST || lines.some((line) => line.length > LONGEST_REQUEST)) {
        client.destroy();
        return;
      }
      // Several requests that came at once would have the same answer.
      if (lines.length === 0) return;
      answer(client, devices);
    });
    client.on("error", () => client.destroy());
    client.on("close", () => this.#clients.delete(client));
  }
}

function answer(client: Socket, devices: () => Iterable<Metered>): void {
  let line: string;
  try {
    line = JSON.stringify(takeSnapshot(devices()));
  } catch (error) {
    // To be watched must not end a program.
    client.destroy(error as Error);
    return;
  }
  // Nothing more is read from who does not take what was asked for.
  if (!client.write(`${line}\n`)) client.pause().once("drain", () => client.resume());
}

/** @throws PciError `ERR_PERMISSION`, or with the system's code */
function makePrivate(directory: string): void {
  try {
    makeDirectory(directory);
  } catch (cause) {
    throw socketError(directory, cause as NodeJS.ErrnoException);
  }
  const { uid, mode } = lstatSync(directory);
  if (uid === process.geteuid!() && (mode & 0o170077) === 0o040000) return;
  throw new PciError(
    "ERR_PERMISSION",
    `${directory} is not a directory of uid ${process.geteuid!()} alone: owner ${uid}, mode 0${(mode & 0o777).toString(8)}`,
    {
      path: directory,
      hint: `chmod 700 ${directory}, or set USERPCI_TELEMETRY to a directory that is yours alone`,
    },
  );
}

/** Makes a directory, and the one above it, unless they are there. Node's own `recursive` never ends below /proc. */
function makeDirectory(directory: string): void {
  for (const [path, mode] of [
    [dirname(directory), 0o755],
    [directory, 0o700],
  ] as const) {
    try {
      if (!existsSync(path)) mkdirSync(path, mode);
    } catch (error) {
      // Another program may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

function socketError(path: string, cause: NodeJS.ErrnoException): PciError {
  const { code = "EIO", errno, syscall } = cause;
  const denied = code === "EACCES" || code === "EPERM" || code === "EROFS";
  return new PciError(denied ? "ERR_PERMISSION" : code, `no telemetry socket at ${path}: ${code}`, {
    path,
    hint: "set XDG_RUNTIME_DIR, as a login does, or USERPCI_TELEMETRY to a directory that is yours alone",
    cause,
    ...(errno !== undefined && { errno }),
    ...(syscall !== undefined && { syscall }),
  });
}
