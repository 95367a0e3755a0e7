/** A config file that cannot be used: one line a fault, each with file and line, and a suggestion where there is one. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}
