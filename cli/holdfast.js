#!/usr/bin/env -S node --max-semi-space-size=1
// A young generation of 1 MB: as large as it likes to be it costs 100 MB, and saves nothing here.
// The installed program: cli/main.ts, with its stripped and compiled code kept from one start to the next. JavaScript,
// because a first file in TypeScript would load the type stripper before the cache can spare it.
import { statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

const home = join(import.meta.dirname, '..');

// Beside the program, never in a folder of all users: who can write a cache can change what root runs. And only where
// the program is this user's own: nobody leaves files in another's folder. Where the cache cannot be written, nothing
// is lost but time.
if (statSync(home).uid === process.getuid?.()) enableCompileCache(join(home, '.cache'));

await import('./main.ts');
