import { afterEach, expect, it, vi } from "vitest";
import { defaultBackend } from "./default-backend.ts";

afterEach(() => vi.unstubAllEnvs());

it("takes the container for a function that has no node, and leaves the complaint to it", () => {
  vi.stubEnv("USERPCI_BACKEND", undefined);
  expect(defaultBackend("ffff:ff:1f.7").name).toBe("vfio-group");
  expect(defaultBackend("not an address").name).toBe("vfio-group");
});

it("takes the backend that USERPCI_BACKEND names, one instance for all devices", () => {
  for (const name of ["vfio-cdev", "vfio-group", "vfio-user"]) {
    vi.stubEnv("USERPCI_BACKEND", name);
    expect(defaultBackend("0000:00:04.0").name).toBe(name);
    expect(defaultBackend("0000:00:05.0")).toBe(defaultBackend("0000:00:04.0"));
  }
});

it("refuses a name that it does not know with those that it does", () => {
  for (const name of ["vfio", "toString", ""]) {
    vi.stubEnv("USERPCI_BACKEND", name);
    expect(() => defaultBackend("0000:00:04.0")).toThrow(
      expect.objectContaining({
        code: "ERR_INVALID_ARGUMENT",
        hint: expect.stringContaining("vfio-cdev, vfio-group, vfio-user"),
      }),
    );
  }
});

it("takes vfio-user for the path of a socket", () => {
  vi.stubEnv("USERPCI_BACKEND", undefined);
  for (const path of ["/run/edu.sock", "./edu.sock", "@edu"])
    expect(defaultBackend(path).name).toBe("vfio-user");
});
