/** The three kinds of documents that are provisioned, for what is done with each of them alike. */
import type { ProvisioningEdits } from '../provisioning/directory/store.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { CertificateSettings } from '../provisioning/trunk-settings/certificate-schema.ts';
import type { TrunkSettings } from '../provisioning/trunk-settings/schema.ts';

export const KINDS = ['tenants', 'trunks', 'certificates'] as const;
export type DocumentKind = (typeof KINDS)[number];
export interface Documents {
  readonly tenants: Tenant;
  readonly trunks: TrunkSettings;
  readonly certificates: CertificateSettings;
}
export type ProvisionedDocument = Documents[DocumentKind];

/** What a change has put and deleted. */
export interface ChangedNames {
  readonly putTenants: readonly string[];
  readonly putTrunks: readonly string[];
  readonly deleteTenants: readonly string[];
  readonly deleteTrunks: readonly string[];
  /** Left out by an older node. */
  readonly putCertificates?: readonly string[];
  readonly deleteCertificates?: readonly string[];
}

/** One of a kind, in words. */
export const SINGULAR = { tenants: 'tenant', trunks: 'trunk', certificates: 'certificate' } as const;

const FIELDS = { tenants: 'Tenants', trunks: 'Trunks', certificates: 'Certificates' } as const;

/** What edits write of a kind. */
export function putOf<K extends DocumentKind>(edits: ProvisioningEdits, kind: K): readonly Documents[K][] {
  return (edits[`put${FIELDS[kind]}`] ?? []) as readonly Documents[K][];
}

/** What a document is kept and asked for by: the id of a trunk, else the name. */
export function nameOf(kind: DocumentKind, document: ProvisionedDocument): string {
  return (kind === 'trunks' ? (document as TrunkSettings).id : document.name) ?? '';
}

/** What a change names of a kind. */
export function named(names: ChangedNames, kind: DocumentKind) {
  return { put: names[`put${FIELDS[kind]}`] ?? [], gone: names[`delete${FIELDS[kind]}`] ?? [] };
}

/** What edits write and remove; what is written is not removed. */
export function namesIn(edits: ProvisioningEdits): Required<ChangedNames> {
  const names: [string, readonly string[]][] = KINDS.flatMap((kind) => {
    const put = putOf(edits, kind).map((document) => nameOf(kind, document));
    const written = new Set(put);
    const gone = (edits[`delete${FIELDS[kind]}`] ?? []).filter((name) => !written.has(name));
    return [
      [`put${FIELDS[kind]}`, put],
      [`delete${FIELDS[kind]}`, gone],
    ];
  });
  return Object.fromEntries(names) as unknown as Required<ChangedNames>;
}
