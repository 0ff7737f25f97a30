import { type TextKey, t } from '../../text/index.ts';
import { CheckField, SelectField, TextField } from '../../ui/form.tsx';
import { presetSwitch, STIR_CHOICES, type StirChoice, SWITCHES } from './draft.ts';
import { type StepProps, trunkFaultAt } from './step.ts';

/** Those that the guide says to leave as they are. */
const LEAVE: ReadonlySet<string> = new Set(['rewriteViaHost', 'verifyPort']);

/** What has no effect on other trunks. */
const OF_REGISTER: ReadonlySet<string> = new Set(['registeredNodeOnly']);

/** The guide's options with its words; a box stands as the brand or the default has it until somebody changes it. */
export function OptionsStep({ draft, preset, faults, change, field }: StepProps) {
  const keepAlive = draft.keepAlive ?? preset?.options?.keepAlive?.enabled ?? false;
  const signs = draft.switches.stirShaken ?? presetSwitch(preset, 'stirShaken');
  return (
    <div class="stack">
      {SWITCHES.slice(0, 3).map(one)}
      <CheckField
        label={t('option.singleVia')}
        help={t('option.singleVia.help')}
        checked
        disabled
        onChange={() => {}}
      />
      {SWITCHES.slice(3)
        .filter((name) => draft.type === 'register' || !OF_REGISTER.has(name))
        .map(one)}
      <div class="fields">
        {signs ? choice('stirWhenUnsignable') : null}
        {signs ? choice('stirRichCallData') : null}
        {choice('stirVerify')}
      </div>
      <CheckField
        label={t('option.keepAlive')}
        help={t('option.keepAlive.help')}
        checked={keepAlive}
        error={trunkFaultAt(faults, 'options.keepAlive.enabled')}
        onChange={(checked) => change({ keepAlive: checked })}
      />
      {keepAlive ? (
        <div class="narrow">
          <TextField
            help={t('option.keepAliveSeconds.help')}
            inputMode="numeric"
            {...field('keepAliveSeconds', 'options.keepAlive.intervalSeconds')}
            optional
          />
        </div>
      ) : null}
    </div>
  );

  function choice(name: StirChoice) {
    const options = STIR_CHOICES[name].map((value) => ({ value, label: t(`option.${name}=${value}` as TextKey) }));
    return (
      <SelectField
        key={name}
        label={t(`option.${name}`)}
        value={draft.stir[name] ?? preset?.options?.[name] ?? STIR_CHOICES[name][0]}
        error={trunkFaultAt(faults, `options.${name}`)}
        options={options}
        onChange={(value) => change({ stir: { ...draft.stir, [name]: value } })}
      />
    );
  }

  function one(name: (typeof SWITCHES)[number]) {
    const own = draft.switches[name];
    const fromBrand = own === undefined && preset?.options?.[name] !== undefined;
    return (
      <CheckField
        key={name}
        label={t(`option.${name}`)}
        help={
          <>
            {t(`option.${name}.help`)}
            {LEAVE.has(name) ? ` ${t('wizard.recommended')}` : ''}
            {fromBrand ? (
              <>
                {' '}
                <span class="tag">{t('wizard.fromBrand')}</span>
              </>
            ) : null}
          </>
        }
        checked={own ?? presetSwitch(preset, name)}
        error={trunkFaultAt(faults, `options.${name}`)}
        onChange={(checked) => change({ switches: { ...draft.switches, [name]: checked } })}
      />
    );
  }
}
