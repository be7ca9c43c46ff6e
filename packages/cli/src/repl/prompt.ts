import { once } from "node:events";
import { type REPLServer, start } from "node:repl";
import type { Session } from "./session.ts";

/** Where a prompt is shown. */
export interface PromptStreams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Whether there is somebody to edit lines. */
  readonly terminal: boolean;
  readonly colours: boolean;
}

/**
 * Starts Node's REPL with the names of a session. It does not look ahead at what is being typed: that would read registers.
 */
export function startPrompt(
  session: Session,
  { input, output, terminal, colours }: PromptStreams,
): REPLServer {
  const server = start({
    input,
    output,
    terminal,
    useColors: colours,
    preview: false,
    prompt: terminal ? `${session.target.address}> ` : "",
    writer: (value: unknown) => session.show(value, colours),
  });
  Object.defineProperties(server.context, Object.getOwnPropertyDescriptors(session.names));
  const lines: Readonly<Record<string, readonly [help: string, make: () => readonly string[]]>> = {
    undo: ["Take the latest write to configuration space back", () => [session.undo()]],
    config: ["Show configuration space", () => session.configLines()],
    registers: ["List registers by name", () => session.registerNames],
  };
  for (const [name, [help, make]] of Object.entries(lines)) {
    server.defineCommand(name, {
      help,
      action() {
        this.clearBufferedCommand();
        output.write(`${make().join("\n")}\n`);
        this.displayPrompt();
      },
    });
  }
  return server;
}

/** Resolves when it is left. */
export async function untilLeft(server: REPLServer): Promise<void> {
  await once(server, "exit");
}
