/**
 * What the queues and their endpoint refuse, under AWS's own names, so that an SDK throws its own exception classes.
 * Only what is the sender's fault is a 4xx: shippers drop what got a 400 or 403 and keep what got a 5xx. A clock that
 * is off says `RequestExpired`, the one 400 that shippers retry, so that nothing is lost until it is set right.
 */
const statuses = {
  AccessDeniedException: 403,
  BatchEntryIdsNotDistinct: 400,
  BatchRequestTooLong: 400,
  EmptyBatchRequest: 400,
  IncompleteSignature: 400,
  InternalFailure: 500,
  InvalidBatchEntryId: 400,
  InvalidClientTokenId: 403,
  InvalidMessageContents: 400,
  InvalidParameterValue: 400,
  MessageNotInflight: 400,
  MissingAuthenticationToken: 403,
  MissingParameter: 400,
  QueueDoesNotExist: 400,
  ReceiptHandleIsInvalid: 400,
  RequestEntityTooLarge: 413,
  RequestExpired: 400,
  RequestTimeout: 503,
  SerializationException: 400,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  TooManyEntriesInBatchRequest: 400,
  UnknownOperationException: 400,
  UnsupportedOperation: 400,
} as const;

export type SqsFaultCode = keyof typeof statuses;

export class SqsFault extends Error {
  override name = 'SqsFault';
  readonly code: SqsFaultCode;
  readonly status: number;
  constructor(code: SqsFaultCode, message: string) {
    super(message);
    this.code = code;
    this.status = statuses[code];
  }
}
