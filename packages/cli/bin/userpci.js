#!/usr/bin/env node
// CommonJS: Node has loaded it before its loader of modules is ready.
require("../dist/bundled-main.cjs");
