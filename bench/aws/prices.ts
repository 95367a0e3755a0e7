/**
 * List prices in US dollars, us-east-1, November 2026, without any free tier; each with the page it stands on. Change them
 * here and nowhere else.
 */
export const prices = {
  /** aws.amazon.com/sqs/pricing: standard queues, per request. */
  sqsStandardRequest: 0.4 / 1e6,
  /** FIFO queues, per request. */
  sqsFifoRequest: 0.5 / 1e6,
  /** aws.amazon.com/dynamodb/pricing/on-demand, per write request unit. */
  dynamoWriteUnit: 0.625 / 1e6,
  /** Per read request unit. */
  dynamoReadUnit: 0.125 / 1e6,
  /** aws.amazon.com/lambda/pricing, ARM64, per GB-second. */
  lambdaGbSecond: 0.0000133334,
  lambdaInvocation: 0.2 / 1e6,
  /** aws.amazon.com/cloudwatch/pricing: log ingestion, per GB; what raw lines would cost there before anybody reads them. */
  cloudWatchLogsGb: 0.5,
  /** aws.amazon.com/kms/pricing: asymmetric ECC signatures, per request. */
  kmsSignature: 15 / 1e6,
} as const;
