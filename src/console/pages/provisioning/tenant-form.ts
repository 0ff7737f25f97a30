/** A tenant's own settings, a form for each of the guide's pages about them. */
import type { TextKey } from '../../text/index.ts';
import type { FormField, FormModel } from './model.ts';
import { LIMITS } from './resources.tsx';

export interface TenantTab extends FormModel {
  readonly tab: 'company' | 'dial-codes' | 'number-processing' | 'limits';
  readonly title: TextKey;
}

const code = (name: string): FormField => ({ path: `dialCodes.${name}`, kind: 'text', mono: true, emptyAs: null });
const isProcessed = (draft: Record<string, unknown>) => draft['numberProcessing'] === true;
const processed = (field: Omit<FormField, 'only'>): FormField => ({
  ...field,
  path: `numberProcessing.${field.path}`,
  only: isProcessed,
});
const destinations = (list: 'allowed' | 'barred'): readonly FormField[] => [
  { path: `limits.${list}.classes`, kind: 'lines', optional: true, system: true },
  { path: `limits.${list}.countries`, kind: 'lines', optional: true, system: true, mono: true },
  { path: `limits.${list}.prefixes`, kind: 'lines', optional: true, system: true, mono: true },
];

/** What a new tenant needs to be told. */
export const NAME_FIELDS: readonly FormField[] = [
  { path: 'name', kind: 'text', fixed: true, system: true },
  { path: 'domain', kind: 'text', system: true, mono: true },
  { path: 'outboundCallerId', kind: 'text', optional: true, mono: true },
  { path: 'timeZone', kind: 'text', optional: true, placeholder: 'UTC' },
];

export const TENANT_TABS: readonly TenantTab[] = [
  {
    id: 'tenant',
    tab: 'company',
    title: 'tenant.company',
    sections: [
      { title: 'tenant.company', fields: NAME_FIELDS },
      {
        title: 'section.emergency',
        text: 'section.emergencyText',
        fields: [
          { path: 'emergencyNumbers', kind: 'lines', optional: true, mono: true, system: true },
          { path: 'emergency.callbackNumber', kind: 'text', optional: true, mono: true, system: true },
        ],
      },
      {
        title: 'section.stop',
        fields: [
          { path: 'stopOutbound', kind: 'check', system: true },
          {
            path: 'media',
            kind: 'select',
            options: ['auto', 'always', 'never', 'srtp', 'webrtc'],
          },
        ],
      },
    ],
  },
  {
    id: 'tenant',
    tab: 'dial-codes',
    title: 'tenant.dialCodes',
    sections: [
      {
        title: 'section.codesOnce',
        text: 'section.codesOnceText',
        fields: [
          { path: 'dialCodes.enabled', kind: 'check', byDefault: true, wide: true },
          ...['blockCallerId', 'deliverCallerId', 'anonymous', 'notAnonymous'].map(code),
        ],
      },
      {
        title: 'section.codesAlways',
        text: 'section.codesAlwaysText',
        fields: [
          'blockCallerIdAlways',
          'deliverCallerIdAlways',
          'anonymousAlways',
          'notAnonymousAlways',
          'refuseAnonymous',
          'acceptAnonymous',
          'setCallerId',
        ].map(code),
      },
    ],
  },
  {
    id: 'tenant',
    tab: 'number-processing',
    title: 'tab.numberProcessing',
    sections: [
      {
        title: 'tab.numberProcessing',
        text: 'section.processingText',
        fields: [
          { path: 'numberProcessing', kind: 'switch', wide: true },
          processed({ path: 'countryCode', kind: 'text', mono: true, emptyAs: '' }),
          processed({ path: 'areaCode', kind: 'text', mono: true, emptyAs: '' }),
          processed({ path: 'internationalCode', kind: 'text', mono: true, emptyAs: '' }),
          processed({ path: 'nationalCode', kind: 'text', mono: true, emptyAs: '' }),
          processed({ path: 'prefix', kind: 'text', mono: true, emptyAs: '' }),
          processed({ path: 'removeCharacters', kind: 'text', mono: true, emptyAs: '' }),
          processed({ path: 'processPlus', kind: 'check', byDefault: true }),
          processed({ path: 'dropSameCountryCode', kind: 'check', byDefault: true }),
          processed({ path: 'dropSameAreaCode', kind: 'check' }),
        ],
      },
    ],
  },
  {
    id: 'tenant',
    tab: 'limits',
    title: 'tenant.limits',
    sections: [
      {
        title: 'tenant.limits',
        text: 'section.tenantLimitsText',
        fields: LIMITS.map((field) => ({ ...field, system: true })),
      },
      { title: 'section.barred', text: 'section.barredText', fields: destinations('barred') },
      { title: 'section.allowed', text: 'section.allowedText', fields: destinations('allowed') },
    ],
  },
];
