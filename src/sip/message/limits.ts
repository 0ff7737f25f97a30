/** Limits of one received message. Each has a default that no honest peer meets. */
export interface MessageLimits {
  /** Octets of a whole message; more is 513 (on a stream the connection closes). Default 65,535. */
  readonly messageOctets: number;
  /** Octets of start line and header section together. Default 65,535. */
  readonly headOctets: number;
  /** Octets of one header field with its folded lines; more is 400. Default 16,384. */
  readonly lineOctets: number;
  /** Octets of the Request-URI; more is 414. Default 4,096. */
  readonly uriOctets: number;
  /** Header fields; more is 400. Default 256. */
  readonly headerCount: number;
  /** Via values; more is 400. Default 70, the usual first Max-Forwards. */
  readonly viaCount: number;
}

export const DEFAULT_LIMITS: MessageLimits = {
  messageOctets: 65_535,
  headOctets: 65_535,
  lineOctets: 16_384,
  uriOctets: 4_096,
  headerCount: 256,
  viaCount: 70,
};
