import { testMachine } from "./machine-suite.ts";

testMachine({});
