/* `mixdown doctor`: what this machine is missing. Exit status 0: nothing that keeps it from
 * serving, 1: something does, 2: the words or the settings are wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/commands.h"
#include "mcu/doctor.h"

static const char usage[] =
    "Usage: mixdown doctor [--config FILE]\n"
    "Looks at ports, addresses, TLS, STUN and TURN servers, the disk and fonts. Each line is ok, "
    "a\n"
    "note, or FAIL with what to do. Exit status 1 when something fails. Changes nothing.\n";

void mcu_doctor_say(struct mcu_doctor *d, enum mcu_verdict verdict, const char *about,
                    const char *format, ...)
{
    static const char *const words[] = {"ok", "note", "FAIL"};
    va_list list;
    va_start(list, format);
    fprintf(d->out, "%-5s %-10s ", words[verdict], about);
    vfprintf(d->out, format, list);
    fputc('\n', d->out);
    fflush(d->out); /* what comes next may take seconds */
    va_end(list);
    d->counts[verdict]++;
}

static void look(struct mcu_doctor *d)
{
    mcu_doctor_http(d);
    mcu_doctor_auth(d);
    mcu_doctor_tls(d, mcu_wall_ms() / 1000);
    mcu_doctor_ports(d);
    mcu_doctor_addresses(d);
    mcu_doctor_stun(d);
    mcu_doctor_turn(d);
    mcu_doctor_disk(d);
    mcu_doctor_fonts(d);
}

int mcu_cmd_doctor(int argc, char **argv)
{
    static struct mcu_config config; /* large */
    char error[MCU_CONFIG_ERROR_MAX];
    const bool has_file = argc == 3 && strcmp(argv[1], "--config") == 0;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc != 1 && !has_file) {
        fprintf(stderr, "mixdown doctor: takes only --config FILE; try mixdown doctor --help\n");
        return 2;
    }
    mcu_config_init(&config);
    if (mcu_config_load(&config, has_file ? argv[2] : NULL, error)) {
        fprintf(stderr, "mixdown doctor: %s\n", error);
        return 2;
    }
    mcu_log_set_level_name("error"); /* the findings say it */
    struct mcu_doctor d = {.config = &config, .out = stdout};
    look(&d);
    printf("%zu ok, %zu to note, %zu to mend\n", d.counts[MCU_DOCTOR_OK], d.counts[MCU_DOCTOR_NOTE],
           d.counts[MCU_DOCTOR_FAIL]);
    return d.counts[MCU_DOCTOR_FAIL] > 0 ? 1 : 0;
}
