import { createHmac } from 'node:crypto';
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';

const correlationId = defineSearchAttributeKey('CorrelationId', 'KEYWORD');
const institutionId = defineSearchAttributeKey('InstitutionId', 'KEYWORD');
const customerRef = defineSearchAttributeKey('CustomerRef', 'KEYWORD');

interface Subject {
  readonly correlationId: string;
  readonly institutionId: string;
  readonly customerId: string;
}

/** How operators find an execution. The customer's id never enters Temporal's indexes: it stands there as a keyed hash. */
export function searchAttributesOf(subject: Subject, customerRefKey: string): SearchAttributePair[] {
  return [
    { key: correlationId, value: subject.correlationId },
    { key: institutionId, value: subject.institutionId },
    { key: customerRef, value: customerReference(subject, customerRefKey) },
  ];
}

/** HMAC-SHA256 over institution and customer, cut to 132 bits. */
export function customerReference({ institutionId, customerId }: Pick<Subject, 'institutionId' | 'customerId'>, key: string): string {
  return createHmac('sha256', key).update(`${institutionId}\0${customerId}`).digest('base64url').slice(0, 22);
}
