import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { bound } from './child.ts';
import { python313 } from './missing.ts';

/** Where the fetched servers lie. */
export interface Parts {
  readonly elasticmq: string;
  readonly dynamodbLocal: string;
  readonly localstack: string;
}

/** The last version that starts without an account, with its dependencies as of its release: newer ones break it. */
const localstack = { package: 'localstack-core[runtime]==4.14.0', excludeNewer: '2026-03-05', uv: 'uv==0.13.9' };

const sources = join(import.meta.dirname, 'sources');
const cache = join(import.meta.dirname, '../../.cache/aws');
const exec = promisify(execFile);

/** A server could not be fetched: no registry, no space. Says which, in one line. */
export class FetchError extends Error {
  override name = 'FetchError';
}

/**
 * The servers from Maven Central and PyPI into `.cache/aws`, about 470 MB; what is there already is not fetched again.
 * @throws FetchError
 */
export async function fetchParts(signal?: AbortSignal): Promise<Parts> {
  const source = (file: string): Promise<string> => readFile(join(sources, file), 'utf8');
  const dynamodbRecipe = (await source('dynamodb-local.pom.xml')) + (await source('Loopback.java'));
  const [elasticmq, dynamodbLocal, localstackFolder] = await Promise.all([
    fetched('elasticmq', await source('elasticmq.pom.xml'), (folder) =>
      copyJars('elasticmq', join(folder, 'lib'), signal),
    ),
    fetched('dynamodb-local', dynamodbRecipe, (folder) => fetchDynamodbLocal(folder, signal)),
    fetched('localstack', JSON.stringify(localstack), (folder) => fetchLocalstack(folder, signal)),
  ]);
  return { elasticmq, dynamodbLocal, localstack: localstackFolder };
}

/** Named after what it is built from, built beside its place and moved there: whatever is in place is whole. */
async function fetched(name: string, recipe: string, build: (folder: string) => Promise<unknown>): Promise<string> {
  const place = join(cache, `${name}-${createHash('sha256').update(recipe).digest('hex').slice(0, 8)}`);
  if (await exists(place)) return place;
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, `.${name}-`));
  try {
    await build(folder);
    // Somebody else may have been quicker: theirs is as good.
    await rename(folder, place).catch(async (error: unknown) => {
      if (!(await exists(place))) throw error;
    });
    return place;
  } catch (error) {
    throw new FetchError(`${name} could not be fetched: ${reasonOf(error)}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function copyJars(name: string, folder: string, signal: AbortSignal | undefined) {
  const pom = join(sources, `${name}.pom.xml`);
  const args = [
    '-q',
    '-B',
    '-Dstyle.color=never',
    '-f',
    pom,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${folder}`,
  ];
  return exec(...bound('mvn', args), { signal });
}

/** DynamoDB Local as LocalStack looks for it, a jar that names all others; we start the same one. */
async function fetchDynamodbLocal(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const lib = 'DynamoDBLocal_lib';
  await copyJars('dynamodb-local', join(folder, lib), signal);
  await exec(...bound('javac', ['-d', folder, '-cp', join(folder, lib, '*'), join(sources, 'Loopback.java')]), {
    signal,
  });
  const jars = (await readdir(join(folder, lib))).filter((each) => each.endsWith('.jar'));
  // A line of a manifest ends at 72 bytes; a line that begins with a blank goes on with the one before.
  const classPath = jars.map((jar) => ` \n  ${lib}/${jar}`).join('');
  await writeFile(join(folder, 'manifest'), `Main-Class: Loopback\nPremain-Class: Loopback\nClass-Path:${classPath}\n`);
  await exec(...bound('jar', ['cfm', 'DynamoDBLocal.jar', 'manifest', 'Loopback.class']), { cwd: folder, signal });
  await copyFile(join(folder, 'DynamoDBLocal.jar'), join(folder, 'ddb-local-loader-0.1.jar'));
}

async function fetchLocalstack(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const python = python313();
  if (python === undefined) throw new Error('no python3.13');
  const venv = join(folder, 'venv');
  await exec(...bound(python, ['-m', 'venv', venv]), { signal });
  await exec(...bound(join(venv, 'bin/python'), ['-m', 'pip', 'install', '-q', localstack.uv]), { signal });
  const args = ['pip', 'install', '-q', '--exclude-newer', localstack.excludeNewer, localstack.package];
  await exec(...bound(join(venv, 'bin/uv'), args), { env: { ...process.env, VIRTUAL_ENV: venv }, signal });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** What the program itself said was wrong, in its first line about it; Maven says it on its standard output. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const told = ['stderr', 'stdout'].map((stream) => String(Reflect.get(error, stream) ?? '')).join('\n');
  return (
    stripVTControlCharacters(told)
      .split('\n')
      .find((line) => /error/i.test(line)) ??
    error.message.split('\n')[0] ??
    error.name
  );
}
