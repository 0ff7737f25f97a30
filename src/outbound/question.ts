import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { TrunkSettings } from '../provisioning/trunk-settings/schema.ts';

/** What `explain` may be asked: a call that is only thought through. */
export interface ExplainQuestion {
  /** Whose call; undefined: the tenant that the INVITE's own URIs, or the trunk's pools, name. */
  readonly tenant?: string | undefined;
  /** The calling extension or service; of a call from a trunk, the number that calls. */
  readonly from?: string | undefined;
  /** What is dialled; of a call from a trunk, the called DID. */
  readonly to?: string | undefined;
  readonly displayName?: string | undefined;
  /** Header fields that the INVITE would carry; one that every INVITE has once replaces it. */
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | undefined;
  /** The INVITE itself, as text, in place of all that. */
  readonly invite?: string | undefined;
  /** The same as octets, in base64: for one that is no UTF-8, as names in ISO-8859-1. */
  readonly inviteBase64?: string | undefined;
  /** Name or id of the trunk that the call comes from. */
  readonly trunk?: string | undefined;
  /**
   * What the called side answers to one INVITE after the other: `silence`, a status from 400 on, or a redirection with its number
   * (`302 +18005550100`). Beyond them nobody answers.
   */
  readonly answers?: readonly string[] | undefined;
}

/** What a preview may be asked: the INVITE that a trunk would send as it would be written. */
export interface TrunkPreviewQuestion {
  readonly trunk: TrunkSettings;
  /** Who calls; a made-up tenant when left out. */
  readonly tenant?: Tenant | undefined;
  /** Its extension; its first one when left out. */
  readonly from?: string | undefined;
  readonly to: string;
}

/** The question cannot be answered, and who asks can see why. */
export class QuestionError extends Error {
  readonly kind: 'unknown' | 'invalid';
  /** The part of the question that is at fault. */
  readonly path: keyof ExplainQuestion;

  constructor(kind: 'unknown' | 'invalid', path: keyof ExplainQuestion, message: string) {
    super(message);
    this.name = 'QuestionError';
    this.kind = kind;
    this.path = path;
  }
}
