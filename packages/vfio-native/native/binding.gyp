{
  "targets": [
    {
      "target_name": "vfio_native",
      "sources": [
        "addon.cc",
        "call.cc",
        "constants.cc",
        "counter.cc",
        "descriptor.cc",
        "environment.cc",
        "exposure.cc",
        "fault.cc",
        "fault_table.cc",
        "frame.cc",
        "herald.cc",
        "hold.cc",
        "ledger.cc",
        "memory.cc",
        "netlink.cc",
        "scalar.cc",
        "signal_chain.cc",
        "socket.cc",
        "task.cc",
        "view.cc",
        "watch.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "_FILE_OFFSET_BITS=64"
      ],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc": ["-std=c++17", "-fno-gnu-unique"],
      # The signal handler and its table outlive the worker that loaded the addon, so the library is never unloaded.
      "ldflags": ["-Wl,-z,nodelete"]
    }
  ]
}
