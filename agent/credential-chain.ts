import type { AgentConfig } from './config.ts';
import { queueClient } from './queue-client.ts';

/**
 * The SDK loads the parts of AWS's credential chain when they are first asked for, and the checkout may lie where only
 * root may read. So the chain is asked once while the process is still root's, with nothing to find: no home to read,
 * no metadata service to speak to. With keys in agent.yaml nothing is loaded late.
 */
export async function loadCredentialChain(config: AgentConfig): Promise<void> {
  if (config.accessKeyId !== undefined) return;
  const before = { ...process.env };
  process.env['HOME'] = '/nonexistent';
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_CONTAINER_')) delete process.env[name];
  const client = queueClient(config, 1);
  try {
    await client.config.credentials();
  } catch {
    // Expected: there was nothing to find.
  } finally {
    client.destroy();
    delete process.env['AWS_EC2_METADATA_DISABLED'];
    Object.assign(process.env, before);
  }
}
