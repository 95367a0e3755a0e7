/**
 * Loaded into the CDK's command (`NODE_OPTIONS=--import`): LocalStack's names lead to 127.0.0.1, as they do in the
 * public DNS, also where there is none. So no line in /etc/hosts is needed.
 */
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

const { lookup } = dns;
dns.lookup = (name, ...rest) => lookup(/(^|\.)localhost\.localstack\.cloud$/.test(name) ? '127.0.0.1' : name, ...rest);
syncBuiltinESMExports();
