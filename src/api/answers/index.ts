/** The shapes of what is answered, under their names in the OpenAPI document. Loaded only when that is made: nothing else needs them. */
import type { z } from 'zod';
import type { Given } from '../../base/given.ts';
import { messageExplanation } from '../../messages/explanation.ts';
import { messageFacts, webhookTest } from '../../observe/event-facts.ts';
import { explanation } from '../../outbound/explanation.ts';
import { brandShape } from '../../provisioning/trunk-settings/brand-shape.ts';
import { examination } from '../../trunks/examination.ts';
import { trunkStatus } from '../../trunks/status-facts.ts';
import { callRecordAnswer, callStatisticsAnswer, callTraceAnswer, liveCallAnswer, tracePageAnswer } from './calls.ts';
import { eventPageAnswer, newWebhookAnswer, webhookAnswer } from './events.ts';
import { applySummaryAnswer, planAnswer } from './explanation.ts';
import { drainAnswer, healthAnswer, nodeAnswer, readinessAnswer, reloadAnswer, storeAnswer } from './node.ts';
import {
  auditEntryAnswer,
  newSignInLinkAnswer,
  newTokenAnswer,
  newTotpAnswer,
  sessionAnswer,
  tokenAnswer,
  userAnswer,
} from './people.ts';
import { csvReportAnswer, listenerAnswer, manyReportAnswer } from './provisioning.ts';
import {
  certificateFactsAnswer,
  effectiveTrunkAnswer,
  leaseAnswer,
  registrationAnswer,
  sourceOverlapAnswer,
} from './trunks.ts';

export const ANSWERS = {
  ApplySummary: applySummaryAnswer,
  AuditEntry: auditEntryAnswer,
  Brand: brandShape,
  BulkReport: manyReportAnswer,
  Call: liveCallAnswer,
  CallRecord: callRecordAnswer,
  CallStatistics: callStatisticsAnswer,
  CallTrace: callTraceAnswer,
  CertificateFacts: certificateFactsAnswer,
  CsvReport: csvReportAnswer,
  Drain: drainAnswer,
  EffectiveTrunk: effectiveTrunkAnswer,
  EventPage: eventPageAnswer,
  Explanation: explanation,
  Health: healthAnswer,
  Lease: leaseAnswer,
  Message: messageFacts,
  MessageExplanation: messageExplanation,
  NewCodes: newTotpAnswer,
  NewSignInLink: newSignInLinkAnswer,
  NewToken: newTokenAnswer,
  NewWebhook: newWebhookAnswer,
  Node: nodeAnswer,
  Plan: planAnswer,
  Readiness: readinessAnswer,
  Registration: registrationAnswer,
  ReloadReport: reloadAnswer,
  Session: sessionAnswer,
  SourceOverlap: sourceOverlapAnswer,
  Store: storeAnswer,
  Token: tokenAnswer,
  TracePage: tracePageAnswer,
  Transport: listenerAnswer,
  TrunkExamination: examination,
  TrunkStatus: trunkStatus,
  User: userAnswer,
  Webhook: webhookAnswer,
  WebhookTest: webhookTest,
} satisfies Record<string, z.ZodType>;

export type AnswerName = keyof typeof ANSWERS;

/** An answer by its name, as it comes to whoever asks. */
export type Answer<Name extends AnswerName> = Given<(typeof ANSWERS)[Name]>;
