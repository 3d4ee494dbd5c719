/* The settings table for people: `config show` as a commented YAML file that loads again, and
 * `config doc` as Markdown. docs/mixdown.yaml and docs/settings.md are their output, and a test
 * holds them to it. */
#include <string.h>

#include "mcu/config_internal.h"

void config_values(const struct config_row *row, char *out, size_t size)
{
    switch (row->type) {
    case CONFIG_INT:
        snprintf(out, size, "%u to %u", row->min, row->max);
        break;
    case CONFIG_BOOL:
        snprintf(out, size, "true or false");
        break;
    case CONFIG_TEXT:
        snprintf(out, size, "%s", row->choices ? row->choices : row->form);
        break;
    case CONFIG_LIST:
        snprintf(out, size, "list, each %s", row->form);
        break;
    }
}

static void print_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_list(const struct mcu_config_list *list, FILE *out)
{
    fputc('[', out);
    for (uint32_t i = 0; i < list->count; i++) {
        fputs(i ? ", " : "", out);
        print_quoted(list->item[i], out);
    }
    fputc(']', out);
}

static void print_value(const struct mcu_config *c, const struct config_row *row, FILE *out)
{
    const void *value = config_value(c, row);
    switch (row->type) {
    case CONFIG_INT:
        fprintf(out, "%u", *(const uint32_t *)value);
        break;
    case CONFIG_BOOL:
        fputs(*(const bool *)value ? "true" : "false", out);
        break;
    case CONFIG_TEXT:
        print_quoted(row->is_secret && *(const char *)value ? "********" : value, out);
        break;
    case CONFIG_LIST:
        print_list(value, out);
        break;
    }
}

void mcu_config_print_yaml(const struct mcu_config *c, FILE *out)
{
    const char *section = "";
    fputs("# Mixdown's settings. Every key may also be set in the environment,"
          " as MIXDOWN_SECTION_KEY.\n",
          out);
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        char values[256];
        config_values(row, values, sizeof(values));
        if (strcmp(section, row->section) != 0)
            fprintf(out, "\n%s:\n", row->section);
        section = row->section;
        fprintf(out, "  # %s (%s)\n  %s: ", row->sentence, values, row->key);
        print_value(c, row, out);
        fputc('\n', out);
    }
}

static void print_row(const struct mcu_config *c, const struct config_row *row, FILE *out)
{
    char variable[128], values[256];
    config_variable(row, variable, sizeof(variable));
    config_values(row, values, sizeof(values));
    fprintf(out, "| `%s.%s` | `", row->section, row->key);
    print_value(c, row, out);
    fprintf(out, "` | %s | %s | `%s` |\n", values, row->sentence, variable);
}

void mcu_config_print_markdown(FILE *out)
{
    struct mcu_config c;
    mcu_config_init(&c);
    fputs("# Settings\n\n"
          "Made by `mixdown config doc` from the table in `mcu/config_table.c`; do not edit.\n\n"
          "`mixdown serve --config FILE` reads a YAML file of sections and keys;\n"
          "`docs/mixdown.yaml` is one with every default. A variable in the environment is\n"
          "stronger than the file; lists are written there with commas. Unknown keys and\n"
          "values out of range are refused with file, line and the nearest key.\n"
          "`mixdown config check FILE` checks one, `mixdown config show` prints what is in\n"
          "force.\n",
          out);
    const char *section = "";
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (strcmp(section, row->section) != 0)
            fprintf(out,
                    "\n## %s\n\n| key | default | values | what | environment |\n"
                    "|---|---|---|---|---|\n",
                    row->section);
        section = row->section;
        print_row(&c, row, out);
    }
}
