// Descriptors that the event loop watches.
#pragma once

struct Environment;
struct Watch;

// Stops a watch for good. Its memory goes when libuv has closed the handle.
void CloseWatch(Watch* watch);

// Whether the event loop watches this descriptor for this environment.
bool IsWatched(const Environment& environment, int fd);
