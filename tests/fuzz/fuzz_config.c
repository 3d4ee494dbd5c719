/* Fuzzes the settings file. Aborts when settings that were taken are out of range, or do not come
 * back equal from their own YAML or JSON, or an error is not one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/config_internal.h"

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_ranges(const struct mcu_config *c)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        const void *value = config_value(c, row);
        if (row->type == CONFIG_INT)
            check(*(const uint32_t *)value >= row->min && *(const uint32_t *)value <= row->max);
        if (row->type == CONFIG_TEXT)
            check(memchr(value, '\0', row->size) != NULL);
        if (row->type == CONFIG_LIST)
            check(((const struct mcu_config_list *)value)->count <= MCU_CONFIG_LIST);
    }
}

/* Texts that were overwritten by shorter ones leave bytes behind their end, so what is compared is
 * what is printed. */
static char *print(const struct mcu_config *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    check(f != NULL);
    mcu_config_print_yaml(c, f);
    fclose(f);
    return text;
}

static void check_yaml(const struct mcu_config *c)
{
    struct mcu_config back;
    char error[MCU_CONFIG_ERROR_MAX];
    char *text = print(c);
    mcu_config_init(&back);
    check(config_parse_yaml(&back, "f", text, strlen(text), error) == 0);
    char *again = print(&back);
    check(strcmp(text, again) == 0);
    free(again);
    free(text);
}

static void check_json(const struct mcu_config *c)
{
    struct mcu_config back;
    char error[MCU_CONFIG_ERROR_MAX];
    json_t *json = mcu_config_to_json(c);
    mcu_config_init(&back);
    check(json && mcu_config_from_json(&back, json, error) == 0);
    char *text = print(c), *again = print(&back);
    check(strcmp(text, again) == 0);
    free(again);
    free(text);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mcu_config c;
    char error[MCU_CONFIG_ERROR_MAX] = "";
    mcu_config_init(&c);
    if (config_parse_yaml(&c, "f", (const char *)data, size, error)) {
        check(error[0] && !strchr(error, '\n'));
        return 0;
    }
    check_ranges(&c);
    memset(c.auth.secret, 0, sizeof(c.auth.secret)); /* is masked and left out */
    check_yaml(&c);
    if (config_check(&c, error) == 0)
        check_json(&c);
    return 0;
}
