import { reportGuests } from "@userpci/testbed/vitest";
import { afterEach } from "vitest";

reportGuests(afterEach);
