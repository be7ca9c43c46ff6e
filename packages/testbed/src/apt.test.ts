import { expect, test } from "vitest";
import { pickMirror } from "./apt.ts";

test("the machine's own Debian mirror is taken, not its security archive or other vendors", () => {
  const targets = [
    "https://deb.example.com/node_20.x nodistro",
    "http://mirror.example.com/debian-security/ bookworm-security",
    "http://mirror.example.com/debian/ bookworm",
  ].join("\n");
  expect(pickMirror(targets)).toBe("http://mirror.example.com/debian");
});

test("a machine without a Debian source has none", () => {
  expect(pickMirror("http://archive.example.com/ubuntu/ noble\n")).toBeUndefined();
});
