/** Colours, text size and language, for this browser. */
import { t } from '../../i18n';
import { SIZES, THEMES } from '../../model/appearance';
import { appearance } from '../appearance';
import { useSignal } from '../hooks';

export function AppearanceForm() {
  const { theme, size } = useSignal(appearance.state);
  const themes = {
    system: t('appearance.theme.system'),
    light: t('appearance.theme.light'),
    dark: t('appearance.theme.dark'),
  };
  const sizes = {
    normal: t('appearance.size.normal'),
    large: t('appearance.size.large'),
    larger: t('appearance.size.larger'),
  };
  return (
    <section>
      <h2>{t('appearance.title')}</h2>
      <p class="hint">{t('appearance.text')}</p>
      <Segments
        legend={t('appearance.theme')}
        name="theme"
        options={THEMES.map((value) => [value, themes[value]])}
        value={theme}
        onChoose={(value) => appearance.set({ theme: value })}
      />
      <Segments
        legend={t('appearance.size')}
        name="size"
        options={SIZES.map((value) => [value, sizes[value]])}
        value={size}
        onChoose={(value) => appearance.set({ size: value })}
      />
      <div class="field">
        <label for="language">{t('language.title')}</label>
        <select id="language" class="select">
          <option>{t('language.name')}</option>
        </select>
        <p class="hint">{t('language.text')}</p>
      </div>
    </section>
  );
}

interface SegmentsProps<V extends string> {
  legend: string;
  name: string;
  options: [V, string][];
  value: V;
  onChoose: (value: V) => void;
}

/** A choice of few, side by side. */
export function Segments<V extends string>(props: SegmentsProps<V>) {
  const { legend, name, options, value, onChoose } = props;
  return (
    <fieldset class="segments">
      <legend>{legend}</legend>
      <div>
        {options.map(([option, text]) => (
          <label key={option} class={option === value ? 'is-on' : undefined}>
            <input
              type="radio"
              class="visually-hidden"
              name={name}
              value={option}
              checked={option === value}
              onChange={() => onChoose(option)}
            />
            {text}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
