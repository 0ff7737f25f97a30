/** What is found when somebody asks what is wrong with a trunk. */
export const CHECKS = [
  'settings',
  'dns',
  'egress',
  'certificate',
  'tls',
  'registration',
  'gateway',
  'token',
  'options',
  'state',
  'relay',
  'rules',
] as const;
export type CheckName = (typeof CHECKS)[number];

export const OUTCOMES = ['ok', 'warning', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Finding {
  readonly check: CheckName;
  readonly outcome: Outcome;
  /** What was looked at: a host, a target, a tenant. */
  readonly subject?: string;
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

export interface Examination {
  readonly trunkId: string;
  readonly name: string;
  readonly type: string;
  /** False when anything has failed. */
  readonly healthy: boolean;
  /** In the order in which a call meets them. */
  readonly findings: readonly Finding[];
}
