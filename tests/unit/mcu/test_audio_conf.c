/* The settings under `audio` as the mixer gets them. */
#include "mcu/audio_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static void defaults_are_five_levelled_voices(void **state)
{
    (void)state;
    struct mcu_config c;
    struct mix_conf mix;
    struct mix_treatment voice;
    mcu_config_init(&c);
    mcu_audio_mix_conf(&mix, &c);
    mcu_audio_treatment(&voice, &c);
    assert_int_equal(mix.speakers, 5);
    assert_int_equal(mix.channels, 2);
    assert_int_equal(mix.bitrate_bps, 64000);
    assert_int_equal(mix.low_bitrate_bps, 16000);
    assert_int_equal(mix.min_delay_us, 20000);
    assert_int_equal(mix.max_delay_us, 300000);
    assert_true(voice.is_levelled && !voice.is_denoised && !voice.is_original);
}

static void music_is_stereo_at_128_kbit_s_at_least(void **state)
{
    static const struct {
        uint32_t set, got;
    } rates[] = {{16, 128000}, {127, 128000}, {128, 128000}, {192, 192000}};
    (void)state;
    struct mcu_config c;
    struct mix_conf mix;
    struct mix_treatment voice;
    mcu_config_init(&c);
    c.audio.original = true;
    c.audio.channels = 1;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        c.audio.bitrate_kbps = rates[i].set;
        mcu_audio_mix_conf(&mix, &c);
        assert_int_equal(mix.bitrate_bps, rates[i].got);
        assert_int_equal(mix.channels, 2);
    }
    mcu_audio_treatment(&voice, &c);
    assert_true(voice.is_original);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_five_levelled_voices),
        cmocka_unit_test(music_is_stereo_at_128_kbit_s_at_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
