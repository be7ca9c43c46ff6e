import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPciError } from "@userpci/interface";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checksumOf, header, type TarEntry } from "./tar-format.ts";
import { readTar } from "./tar-reader.ts";
import { TarWriter } from "./tar-writer.ts";
import { unpackTree } from "./unpack.ts";

let base = "";
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "userpci-tar-"));
});
afterAll(() => rmSync(base, { recursive: true }));

const long = `${"deep/".repeat(60)}name`;

function archive(fill: (writer: TarWriter) => void): Uint8Array {
  const writer = new TarWriter();
  fill(writer);
  return writer.finish();
}

/** An archive of the same tree by GNU tar. */
function byTar(format: string): Uint8Array {
  const tree = mkdtempSync(join(base, "tree-"));
  mkdirSync(join(tree, long, ".."), { recursive: true });
  writeFileSync(join(tree, long), "content");
  execFileSync("ln", ["-s", "x/".repeat(90), join(tree, "link")]);
  return execFileSync("tar", ["--format", format, "-C", tree, "-c", "."], { maxBuffer: 1 << 20 });
}

/** The error that an archive is refused with. */
function refusal(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (isPciError(error, "ERR_INVALID_ARGUMENT")) return error.message;
    throw error;
  }
  return expect.unreachable("it was not refused");
}

const unpack = (fill: (writer: TarWriter) => void) => {
  const directory = mkdtempSync(join(base, "out-"));
  unpackTree(readTar(archive(fill)), directory);
  return directory;
};

describe("a tar archive", () => {
  it("has what was put into it, names and links of any length included", () => {
    const entries = readTar(
      archive((writer) => {
        writer.directory("sys/empty");
        writer.file("sys/vendor", Buffer.from("0x8086\n"), 0o444);
        writer.file(long, Buffer.alloc(513, 1));
        writer.link("sys/link", `../${long}`);
      }),
    );
    expect(
      entries.map(({ path, kind, content, target, mode }) => [path, kind, content.length, target, mode]),
    ).toEqual([
      ["sys/empty", "directory", 0, "", 0o755],
      ["sys/vendor", "file", 7, "", 0o444],
      [long, "file", 513, "", 0o644],
      ["sys/link", "link", 0, `../${long}`, 0o777],
    ]);
  });

  it("is one to GNU tar too", () => {
    const path = join(base, "ours.tar");
    writeFileSync(
      path,
      archive((writer) => {
        writer.file(long, Buffer.from("content"));
        writer.link("link", `./${long}`);
      }),
    );
    const listed = execFileSync("tar", ["-tvf", path], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    expect(listed).toContain(` ${long}\n`);
    expect(listed).toContain(` link -> ./${long}\n`);
  });

  it.each(["gnu", "pax", "oldgnu"])("is read as GNU tar writes it in its format %s", (format) => {
    const entries = readTar(byTar(format));
    expect(entries.find(({ kind }) => kind === "file")).toMatchObject({ path: long, target: "" });
    expect(entries.find(({ kind }) => kind === "link")?.target).toBe("x/".repeat(90));
  });

  it("comes back from any tree of files", () => {
    const name = fc.stringMatching(/^[a-z0-9:._é-]{1,40}$/).filter((text) => !/^\.+$/.test(text));
    const path = fc.array(name, { minLength: 1, maxLength: 9 }).map((names) => names.join("/"));
    const file = fc.tuple(path, fc.uint8Array({ maxLength: 1100 }));
    fc.assert(
      fc.property(fc.array(file, { maxLength: 8 }), (files) => {
        const entries = readTar(
          archive((writer) => {
            for (const [at, content] of files) writer.file(at, content);
          }),
        );
        expect(entries.map((entry) => [entry.path, [...entry.content]])).toEqual(
          files.map(([at, content]) => [at, [...content]]),
        );
      }),
    );
  });
});

describe("a damaged archive", () => {
  const good = archive((writer) => {
    writer.file(long, Buffer.from("content"));
    writer.link("sys/link", `../${long}`);
    writer.directory("sys/bus");
  });

  it.each([
    [new Uint8Array(), "has no end"],
    [new Uint8Array(511), "has no end"],
    [Buffer.from("no archive at all".padEnd(1024)), "has no header at byte 0"],
    [good.subarray(0, good.length - 1024), "has no end"],
    [good.subarray(0, 600), "ends within an entry"],
  ])("is refused with what is wrong (%#)", (bytes, message) => {
    expect(refusal(() => readTar(bytes))).toContain(message);
  });

  it("with a hard link or a device in it is refused", () => {
    for (const type of ["1", "3", "6", "S"]) {
      const bytes = Buffer.from(archive((writer) => writer.file("a", Buffer.alloc(0))));
      bytes.write(type, header.type[0], "latin1");
      bytes.write(
        checksumOf(bytes.subarray(0, 512)).toString(8).padStart(6, "0"),
        header.checksum[0],
        "latin1",
      );
      expect(refusal(() => readTar(bytes))).toContain(`of type "${type}"`);
    }
  });

  it("is read or refused, whatever bytes it has, and writes nothing beside its directory", () => {
    // Headers whose checksum is right again, so that what they say is looked at.
    const mend = (bytes: Buffer) => {
      for (let at = 0; at + 512 <= bytes.length; at += 512) {
        bytes.write(
          checksumOf(bytes.subarray(at, at + 512))
            .toString(8)
            .padStart(6, "0"),
          at + 148,
          "latin1",
        );
      }
    };
    const change = fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), fc.boolean(), (changes, mended) => {
        const bytes = Buffer.from(good);
        for (const { at, byte } of changes) bytes[at] = byte;
        if (mended) mend(bytes.subarray(0, good.length - 1024));
        let entries: readonly TarEntry[] = [];
        try {
          entries = readTar(bytes);
        } catch (error) {
          if (!isPciError(error, "ERR_INVALID_ARGUMENT")) throw error;
        }
        for (const { content } of entries) expect(content.length).toBeLessThanOrEqual(good.length);
      }),
    );
  });
});

describe("unpackTree", () => {
  it("writes files, directories and links, and files that their owner can read", () => {
    const root = unpack((writer) => {
      writer.file("sys/remove", Buffer.from("x"), 0o200);
      writer.directory("sys/empty");
      writer.link("dev/link", "../sys");
      writer.link("dev/circle", "circle");
      writer.link("dev/gone", "../nowhere/../../../etc");
    });
    expect(readFileSync(join(root, "dev/link/remove"), "utf8")).toBe("x");
    expect(readdirSync(join(root, "sys"))).toEqual(["empty", "remove"]);
    expect(readlinkSync(join(root, "dev/circle"))).toBe("circle");
  });

  it.each<[string, (writer: TarWriter) => void, string]>([
    ["a name that goes up", (w) => w.file("a/../../b", Buffer.alloc(0)), "does not go down"],
    [
      "a file twice",
      (w) => {
        w.file("a", Buffer.alloc(0));
        w.file("a", Buffer.alloc(0));
      },
      "twice",
    ],
    ["an absolute link", (w) => w.link("a", "/etc"), "leads out"],
    ["a link above the directory", (w) => w.link("a/b", "../../etc"), "leads out"],
    [
      "a link that leads out through another",
      (w) => {
        w.directory("a/b/c");
        w.link("short", "a/b/c");
        w.link("out", "short/../../../../etc");
      },
      "leads out",
    ],
    [
      "a file that is written through a link",
      (w) => {
        w.link("a", "b");
        w.file("a/passwd", Buffer.alloc(0));
      },
      "which is a link",
    ],
    [
      "a file below a file",
      (w) => {
        w.file("a", Buffer.alloc(0));
        w.directory("a/b");
      },
      "which is a file",
    ],
  ])("refuses %s, and writes nothing", (_, fill, message) => {
    const directory = mkdtempSync(join(base, "refused-"));
    expect(refusal(() => unpackTree(readTar(archive(fill)), directory))).toContain(message);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("leads nowhere outside, whatever links there are", () => {
    // Names and targets of few letters meet often.
    const step = fc.constantFrom("a", "b", "..", "..", ".");
    const target = fc.array(step, { minLength: 1, maxLength: 4 }).map((steps) => steps.join("/"));
    const name = fc
      .array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 2 })
      .map((names) => names.join("/"));
    const outside = join(base, "outside");
    writeFileSync(outside, "");
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, target), { maxLength: 6, selector: ([path]) => path }),
        (links) => {
          const directory = mkdtempSync(join(base, "links-"));
          const entries: TarEntry[] = links.map(([path, to]) => ({
            path,
            kind: "link",
            content: new Uint8Array(),
            target: to,
            mode: 0o777,
          }));
          try {
            unpackTree(entries, directory);
          } catch (error) {
            if (
              !isPciError(error, "ERR_INVALID_ARGUMENT") &&
              (error as NodeJS.ErrnoException).code !== "ENOENT"
            )
              throw error;
          }
          // The kernel's own walk: what is beside the directory is not seen through any link.
          for (const [path] of links) expect(existsSync(join(directory, path, "outside"))).toBe(false);
          rmSync(directory, { recursive: true });
        },
      ),
    );
  });
});
