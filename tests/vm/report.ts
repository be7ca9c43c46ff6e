import { releaseGuests, reportGuests } from "@userpci/testbed/vitest";
import { afterAll, afterEach } from "vitest";

reportGuests(afterEach);
afterAll(releaseGuests);
