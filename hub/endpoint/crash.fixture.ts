import { openHubDatabase } from '../database.ts';
import { AccessKeys, everyGrant } from '../keys.ts';
import { QueueStore } from '../queues.ts';
import { startEndpoint } from './server.ts';

/** A process to be killed: serves the file named by its argument and prints `{url, accessKeyId, secretAccessKey}`. */
const db = openHubDatabase(process.argv[2] ?? '');
const queues = new QueueStore(db);
const keys = new AccessKeys(db);
queues.createQueue('q');
const { accessKeyId, secretAccessKey } = keys.createAccessKey('hub', everyGrant);
const { url } = await startEndpoint({ queues, keys, host: '127.0.0.1', port: 0, onError: console.error });
console.log(JSON.stringify({ url, accessKeyId, secretAccessKey }));
