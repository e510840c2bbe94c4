//! The service with real cameras: every test runs in the guest. A test is a function of its module and a line here; one
//! without a line is dead code, and does not compile.

#![expect(clippy::unwrap_used, reason = "all of this is tests, although the harness is our own")]

mod common;
mod controls;
mod direct;
mod discovery;
mod doctor;
mod faults;
mod formats;
mod health;
mod identity;
mod many;
mod permission;
mod rounds;
mod unplug;
mod vivid;

use std::process::ExitCode;

use vm::Test;

/// The table of tests.
macro_rules! tests {
    ($($module:ident::$name:ident),* $(,)?) => {
        [$(Test {
            name: concat!(stringify!($module), "::", stringify!($name)),
            body: || Box::pin($module::$name()),
        }),*]
    };
}

fn main() -> ExitCode {
    vm::harness::run(&tests![
        discovery::every_camera_is_listed_with_what_it_offers,
        discovery::cameras_come_and_go_and_clients_are_told,
        identity::ids_stay_over_restart_replug_and_renumbering,
        identity::two_with_one_serial_are_told_apart_by_port,
        formats::mjpeg_streams_snapshots_and_records,
        formats::yuyv_streams_snapshots_and_records,
        formats::h264_is_copied_bit_for_bit,
        faults::spoilt_pictures_and_a_freeze_do_not_end_a_viewing,
        faults::errors_of_a_driver_do_not_end_a_viewing,
        faults::a_camera_that_refuses_to_begin_is_in_error_until_it_begins,
        direct::an_mjpeg_camera_is_photographed_without_a_stream_within_a_second,
        direct::raw_pictures_are_coded_here_and_h264_needs_a_stream,
        direct::nobody_starts_a_stream_for_a_picture_while_mediamtx_is_down,
        direct::who_holds_a_camera_is_told_and_it_works_when_they_let_go,
        direct::vivid_is_photographed_without_a_stream_too,
        vivid::a_start_that_fails_once_is_tried_again_and_nobody_hears_of_it,
        vivid::half_the_frames_are_told_and_none_is_an_error_while_it_lasts,
        vivid::an_input_without_a_signal_is_named,
        vivid::a_driver_that_lets_go_and_a_device_that_is_unbound_do_not_end_a_viewing,
        unplug::who_waits_for_a_camera_that_is_pulled_is_told_so,
        controls::every_control_is_told_as_v4l2_ctl_tells_it,
        controls::many_are_set_at_once_modes_first_or_none_is,
        controls::odd_ones_are_set_too,
        controls::what_is_set_holds_after_replug_and_restart_until_it_is_dropped,
        controls::they_are_set_while_pictures_flow,
        controls::a_camera_that_does_not_answer_holds_up_nobody,
        many::ten_cameras_at_once_are_told_within_a_second,
        permission::a_user_of_group_video_has_a_camera_once_udev_permits_it,
        permission::who_is_not_in_group_video_is_told_which_group_it_takes,
        doctor::who_is_not_root_is_told_what_he_may_not_do_and_what_mends_it,
        rounds::fifty_rounds_of_coming_and_going_leave_nothing_behind,
        unplug::a_camera_pulled_in_use_ends_cleanly_and_goes_on_when_it_is_back,
        health::a_disk_that_fills_is_told_and_that_it_has_room_again,
        health::a_clock_that_is_set_is_told_and_that_it_is_back,
        health::a_video_program_that_is_killed_is_told_and_that_it_is_back,
    ])
}
