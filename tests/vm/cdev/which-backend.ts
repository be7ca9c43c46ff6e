/** Opens a device and prints the backend that was taken: `node which-backend.js ADDRESS`. Run as another user by tests. */
import { openDevice } from "userpci";

await using device = await openDevice(process.argv[2]!);
console.log(device.backendDevice.backend);
