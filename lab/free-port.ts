import { createServer } from 'node:net';

/**
 * A TCP port that is free on `address` now. Taken below the kernel's ephemeral range (32768 up), so that no outgoing
 * connection of another test grabs it before the caller binds it.
 */
export async function freePort(address: string): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(address, port)) return port;
  }
  throw new Error(`no free port found on ${address}`);
}

/**
 * Whether nobody listens there. Ask before Postfix binds: its masters share a port silently (SO_REUSEPORT), and each
 * gets every other client.
 */
export function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
