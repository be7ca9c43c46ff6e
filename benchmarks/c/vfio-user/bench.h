#pragma once

// Serves rounds of one kind of access to the device of device.h, over a connection, and ends the process.
_Noreturn void bench(int connection, const char* what);
