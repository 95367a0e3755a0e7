/** Exit codes that scripts may rely on. */
export const exitCodes = {
  fine: 0,
  /** Where documented: findings are there. */
  findings: 1,
  /** Wrong usage or input that cannot be read. */
  usage: 2,
  /** It was tried and failed. */
  failure: 3,
} as const;

/** An error for people: one line on stderr, no stack. */
export class Failure extends Error {
  override name = 'Failure';
  readonly exitCode: number;
  constructor(message: string, exitCode: number = exitCodes.failure) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function usage(message: string): Failure {
  return new Failure(message, exitCodes.usage);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
