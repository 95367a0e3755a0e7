/** What the machine itself costs: a server that answers without a look at the question. `node bench/policy/bare.ts PATH` */
import { createServer } from 'node:net';

const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', () => socket.write('action=DUNNO\n\n'));
});
server.listen(process.argv[2] ?? '', () => process.send?.('up'));
process.once('disconnect', () => process.exit());
