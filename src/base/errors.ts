/**
 * Errors know whose fault they are. A {@link PeerError} is what a peer sent; it never costs more than that message and knows the
 * status it deserves. A {@link SettingsError} is what an operator wrote; it names the place. Anything else is a defect of ours.
 */
export class PeerError extends Error {
  /** Stable code, `SIP_PEER_…`. */
  readonly code: string;
  /** The SIP status that a request with this fault is owed. */
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = 'PeerError';
    this.code = code;
    this.status = status;
  }
}

/** Where a defect was met, as a log line says it. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What cannot be done as things are. Says why; nothing was changed. */
export class StateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StateError';
  }
}

/** What cannot be done now and may be later: the store does not take changes. Says why. */
export class UnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnavailableError';
  }
}

/** The store does not answer, or not in time. Its watch tells the operator, so whoever asks need not. */
export class StoreAwayError extends Error {}

/** One fault in configuration or provisioning: where (`path`, e.g. `trunks[0].host`) and what. */
export interface Problem {
  /** Stable code, kebab-case, e.g. `pool-overlap`. */
  readonly code: string;
  readonly path: string;
  readonly message: string;
}

/** Configuration or provisioning was refused; carries every problem found, not just the first, each a line of the message. */
export class SettingsError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ path, message, code }) => `${path}: ${message} (${code})`).join('\n'));
    this.name = 'SettingsError';
    this.problems = problems;
  }
}
