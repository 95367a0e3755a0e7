import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KMSClient } from '@aws-sdk/client-kms';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Context } from 'aws-lambda';
import type { Deps } from '../../functions/deps.ts';
import type { Signer } from '../../shared/wire/jws.ts';
import { announceTo } from '../announce.ts';
import { awsDeps } from '../deps.ts';
import { DynamoItemTable } from '../items.ts';
import { type KmsKey, openKmsKey } from '../kms-signer.ts';
import { settingsOf, tellsPrincipals } from '../settings.ts';

/** One cold start of one function: its settings, its clients, its log. The service's name is the platform's to set. */
const logger = new Logger();
const metrics = new Metrics({ namespace: 'Holdfast' });
const tracer = new Tracer();

export const settings = settingsOf(process.env);
export const sqs = tracer.captureAWSv3Client(new SQSClient({}));

export const namesSenders = tellsPrincipals(settings);

export function openDeps(signer: Signer): Promise<Deps> {
  const dynamodb = tracer.captureAWSv3Client(new DynamoDBClient({}));
  const events = tracer.captureAWSv3Client(new EventBridgeClient({}));
  return awsDeps(settings, {
    table: new DynamoItemTable(dynamodb, settings.HOLDFAST_TABLE),
    sqs,
    signer,
    log: {
      info: (fields, message) => logger.info(message, { ...fields }),
      warn: (fields, message) => logger.warn(message, { ...fields }),
      error: (fields, message) => logger.error(message, { ...fields }),
    },
    count: (metric, by = 1) => metrics.addMetric(metric, MetricUnit.Count, by),
    announce: announceTo(events, settings),
    namesSenders,
  });
}

export function openKey(): Promise<KmsKey> {
  return openKmsKey(tracer.captureAWSv3Client(new KMSClient({})), settings.HOLDFAST_SIGNING_KEY);
}

/** A handler as the platform calls it: its log lines name the request, its counts go out whatever happens. */
export function run<E, R>(handle: (event: E) => Promise<R>): (event: E, context: Context) => Promise<R> {
  return async (event, context) => {
    logger.addContext(context);
    try {
      return await handle(event);
    } finally {
      // Where nothing was counted it would only warn of that, a line for each call.
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    }
  };
}
